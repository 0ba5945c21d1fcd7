impl < __Context > :: bincode :: Decode < __Context > for Waiting
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            command : :: bincode :: Decode :: decode(decoder) ?, class : ::
            bincode :: Decode :: decode(decoder) ?, ready : :: bincode ::
            Decode :: decode(decoder) ?, creates : :: bincode :: Decode ::
            decode(decoder) ?, prompt : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Waiting
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            command : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, class : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, ready : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            creates : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, prompt : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}