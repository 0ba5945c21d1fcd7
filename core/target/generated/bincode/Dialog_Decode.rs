impl < __Context > :: bincode :: Decode < __Context > for Dialog
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            cursor : :: bincode :: Decode :: decode(decoder) ?, event : ::
            bincode :: Decode :: decode(decoder) ?, method : :: bincode ::
            Decode :: decode(decoder) ?, until : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Dialog
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            cursor : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, event : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, method : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?, until
            : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?,
        })
    }
}