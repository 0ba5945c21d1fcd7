impl < __Context > :: bincode :: Decode < __Context > for State
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            rules : :: bincode :: Decode :: decode(decoder) ?, life : ::
            bincode :: Decode :: decode(decoder) ?, limits : :: bincode ::
            Decode :: decode(decoder) ?, server_version : :: bincode :: Decode
            :: decode(decoder) ?, entropy : :: bincode :: Decode ::
            decode(decoder) ?, agent_kind : :: bincode :: Decode ::
            decode(decoder) ?, default_cwd : :: bincode :: Decode ::
            decode(decoder) ?, now : :: bincode :: Decode :: decode(decoder)
            ?, seq : :: bincode :: Decode :: decode(decoder) ?, boots : ::
            bincode :: Decode :: decode(decoder) ?, writable : :: bincode ::
            Decode :: decode(decoder) ?, conns : :: bincode :: Decode ::
            decode(decoder) ?, sessions : :: bincode :: Decode ::
            decode(decoder) ?, agents : :: bincode :: Decode ::
            decode(decoder) ?, last_agent : :: bincode :: Decode ::
            decode(decoder) ?, wanted : :: bincode :: Decode ::
            decode(decoder) ?, lanes : :: bincode :: Decode :: decode(decoder)
            ?, commands : :: bincode :: Decode :: decode(decoder) ?, identity
            : :: bincode :: Decode :: decode(decoder) ?, control : :: bincode
            :: Decode :: decode(decoder) ?, due : :: bincode :: Decode ::
            decode(decoder) ?, providers : :: bincode :: Decode ::
            decode(decoder) ?, bash : :: bincode :: Decode :: decode(decoder)
            ?, recovery : :: bincode :: Decode :: decode(decoder) ?,
            agent_versions : :: bincode :: Decode :: decode(decoder) ?, absent
            : :: bincode :: Decode :: decode(decoder) ?, unknown_outcomes : ::
            bincode :: Decode :: decode(decoder) ?, counters : :: bincode ::
            Decode :: decode(decoder) ?, dirty : :: bincode :: Decode ::
            decode(decoder) ?, doomed : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for State
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            rules : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, life : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, limits : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            server_version : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, entropy : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, agent_kind : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, default_cwd : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, now : :: bincode
            :: BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            seq : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, boots : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, writable : :: bincode
            :: BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            conns : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, sessions : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, agents : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, last_agent : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, wanted : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, lanes : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, commands : :: bincode
            :: BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            identity : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, control : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, due : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            providers : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, bash : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, recovery : :: bincode
            :: BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            agent_versions : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, absent : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, unknown_outcomes : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, counters : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, dirty : :: bincode
            :: BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            doomed : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?,
        })
    }
}