impl < __Context > :: bincode :: Decode < __Context > for Stored
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            envelope : :: bincode :: Decode :: decode(decoder) ?, session : ::
            bincode :: Decode :: decode(decoder) ?, outcome : :: bincode ::
            Decode :: decode(decoder) ?, client : :: bincode :: Decode ::
            decode(decoder) ?, by_id : :: bincode :: Decode :: decode(decoder)
            ?, by_key : :: bincode :: Decode :: decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Stored
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            envelope : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, session : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, outcome : :: bincode
            :: BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            client : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, by_id : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, by_key : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}