impl < __Context > :: bincode :: Decode < __Context > for Capabilities
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            agent : :: bincode :: Decode :: decode(decoder) ?, agent_versions
            : :: bincode :: Decode :: decode(decoder) ?, absent : :: bincode
            :: Decode :: decode(decoder) ?, limits : :: bincode :: Decode ::
            decode(decoder) ?, server_version : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Capabilities
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            agent : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, agent_versions : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            absent : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, limits : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, server_version : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?,
        })
    }
}