impl < __Context > :: bincode :: Decode < __Context > for SessionInfo
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            id : :: bincode :: Decode :: decode(decoder) ?, name : :: bincode
            :: Decode :: decode(decoder) ?, file : :: bincode :: Decode ::
            decode(decoder) ?, model : :: bincode :: Decode :: decode(decoder)
            ?, thinking : :: bincode :: Decode :: decode(decoder) ?, streaming
            : :: bincode :: Decode :: decode(decoder) ?, compacting : ::
            bincode :: Decode :: decode(decoder) ?, messages : :: bincode ::
            Decode :: decode(decoder) ?, queued : :: bincode :: Decode ::
            decode(decoder) ?, created_at : :: bincode :: Decode ::
            decode(decoder) ?, cwd : :: bincode :: Decode :: decode(decoder)
            ?, version : :: bincode :: Decode :: decode(decoder) ?, dialogs :
            :: bincode :: Decode :: decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for SessionInfo
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            id : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, name : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, file : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?, model
            : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, thinking : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, streaming : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, compacting : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, messages : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, queued : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, created_at : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, cwd : :: bincode :: BorrowDecode ::< '_,
            __Context >:: borrow_decode(decoder) ?, version : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            dialogs : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?,
        })
    }
}