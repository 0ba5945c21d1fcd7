impl < __Context > :: bincode :: Decode < __Context > for AgentInfo
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            name : :: bincode :: Decode :: decode(decoder) ?, file : ::
            bincode :: Decode :: decode(decoder) ?, model : :: bincode ::
            Decode :: decode(decoder) ?, provider : :: bincode :: Decode ::
            decode(decoder) ?, thinking : :: bincode :: Decode ::
            decode(decoder) ?, messages : :: bincode :: Decode ::
            decode(decoder) ?, queued : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for AgentInfo
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            name : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, file : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, model : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            provider : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, thinking : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, messages : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, queued : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}