impl < __Context > :: bincode :: Decode < __Context > for AgentReady
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            version : :: bincode :: Decode :: decode(decoder) ?, settles : ::
            bincode :: Decode :: decode(decoder) ?, disposition : :: bincode
            :: Decode :: decode(decoder) ?, absent : :: bincode :: Decode ::
            decode(decoder) ?, info : :: bincode :: Decode :: decode(decoder)
            ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for AgentReady
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            version : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, settles : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, disposition : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, absent : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, info : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}