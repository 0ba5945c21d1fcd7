impl < __Context > :: bincode :: Decode < __Context > for Envelope
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            kind : :: bincode :: Decode :: decode(decoder) ?, id : :: bincode
            :: Decode :: decode(decoder) ?, session : :: bincode :: Decode ::
            decode(decoder) ?, depends_on : :: bincode :: Decode ::
            decode(decoder) ?, if_session_version : :: bincode :: Decode ::
            decode(decoder) ?, idempotency_key : :: bincode :: Decode ::
            decode(decoder) ?, timeout_ms : :: bincode :: Decode ::
            decode(decoder) ?, fingerprint : :: bincode :: Decode ::
            decode(decoder) ?, details : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Envelope
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            kind : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, id : :: bincode :: BorrowDecode ::< '_,
            __Context >:: borrow_decode(decoder) ?, session : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            depends_on : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, if_session_version : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            idempotency_key : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, timeout_ms : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, fingerprint : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, details : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}