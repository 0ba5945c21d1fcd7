impl < __Context > :: bincode :: Decode < __Context > for Outcome
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            result : :: bincode :: Decode :: decode(decoder) ?,
            session_version : :: bincode :: Decode :: decode(decoder) ?,
            lane_sequence : :: bincode :: Decode :: decode(decoder) ?, at : ::
            bincode :: Decode :: decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Outcome
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            result : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, session_version : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            lane_sequence : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, at : :: bincode :: BorrowDecode ::< '_,
            __Context >:: borrow_decode(decoder) ?,
        })
    }
}