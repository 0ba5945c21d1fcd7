impl < __Context > :: bincode :: Decode < __Context > for Counters
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            inputs : :: bincode :: Decode :: decode(decoder) ?, admitted : ::
            bincode :: Decode :: decode(decoder) ?, succeeded : :: bincode ::
            Decode :: decode(decoder) ?, failed : :: bincode :: Decode ::
            decode(decoder) ?, refused : :: bincode :: Decode ::
            decode(decoder) ?, replayed : :: bincode :: Decode ::
            decode(decoder) ?, malformed : :: bincode :: Decode ::
            decode(decoder) ?, rate_limited : :: bincode :: Decode ::
            decode(decoder) ?, events : :: bincode :: Decode ::
            decode(decoder) ?, agent_noise : :: bincode :: Decode ::
            decode(decoder) ?, impossible : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Counters
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            inputs : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, admitted : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, succeeded : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, failed : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, refused : :: bincode
            :: BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            replayed : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, malformed : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, rate_limited : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, events : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, agent_noise : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, impossible : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}