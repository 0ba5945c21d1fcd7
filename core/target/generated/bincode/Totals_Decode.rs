impl < __Context > :: bincode :: Decode < __Context > for Totals
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            successes : :: bincode :: Decode :: decode(decoder) ?, failures :
            :: bincode :: Decode :: decode(decoder) ?, refused : :: bincode ::
            Decode :: decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Totals
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            successes : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, failures : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, refused : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?,
        })
    }
}