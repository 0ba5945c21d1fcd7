impl < __Context > :: bincode :: Decode < __Context > for Identity
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            seed : :: bincode :: Decode :: decode(decoder) ?, ids : :: bincode
            :: Decode :: decode(decoder) ?, keys : :: bincode :: Decode ::
            decode(decoder) ?, outcomes : :: bincode :: Decode ::
            decode(decoder) ?, stored_order : :: bincode :: Decode ::
            decode(decoder) ?, expiring : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Identity
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            seed : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, ids : :: bincode :: BorrowDecode ::< '_,
            __Context >:: borrow_decode(decoder) ?, keys : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            outcomes : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, stored_order : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            expiring : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?,
        })
    }
}