impl < __Context > :: bincode :: Decode < __Context > for Conn
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            client : :: bincode :: Decode :: decode(decoder) ?, pending : ::
            bincode :: Decode :: decode(decoder) ?, bucket : :: bincode ::
            Decode :: decode(decoder) ?, interest : :: bincode :: Decode ::
            decode(decoder) ?, subscriptions : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Conn
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            client : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, pending : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, bucket : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            interest : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, subscriptions : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}