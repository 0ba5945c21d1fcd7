impl < __Context > :: bincode :: Decode < __Context > for Command
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            conn : :: bincode :: Decode :: decode(decoder) ?, client : ::
            bincode :: Decode :: decode(decoder) ?, id_hash : :: bincode ::
            Decode :: decode(decoder) ?, envelope : :: bincode :: Decode ::
            decode(decoder) ?, session : :: bincode :: Decode ::
            decode(decoder) ?, lane : :: bincode :: Decode :: decode(decoder)
            ?, lane_sequence : :: bincode :: Decode :: decode(decoder) ?,
            frame : :: bincode :: Decode :: decode(decoder) ?, stage : ::
            bincode :: Decode :: decode(decoder) ?, announced : :: bincode ::
            Decode :: decode(decoder) ?, unmet : :: bincode :: Decode ::
            decode(decoder) ?, dependents : :: bincode :: Decode ::
            decode(decoder) ?, waiters : :: bincode :: Decode ::
            decode(decoder) ?, deadline : :: bincode :: Decode ::
            decode(decoder) ?, timeout_ms : :: bincode :: Decode ::
            decode(decoder) ?, charge : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Command
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            conn : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, client : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, id_hash : :: bincode
            :: BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            envelope : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, session : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, lane : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            lane_sequence : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, frame : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, stage : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            announced : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, unmet : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, dependents : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, waiters : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, deadline : :: bincode
            :: BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            timeout_ms : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, charge : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}