impl < __Context > :: bincode :: Decode < __Context > for Breaker
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            position : :: bincode :: Decode :: decode(decoder) ?, failures :
            :: bincode :: Decode :: decode(decoder) ?, trials : :: bincode ::
            Decode :: decode(decoder) ?, totals : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Breaker
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            position : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, failures : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, trials : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, totals : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}