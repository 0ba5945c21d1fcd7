impl < __Context > :: bincode :: Decode < __Context > for KeyScope
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            client : :: bincode :: Decode :: decode(decoder) ?, session : ::
            bincode :: Decode :: decode(decoder) ?, key : :: bincode :: Decode
            :: decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for KeyScope
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            client : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, session : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, key : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}