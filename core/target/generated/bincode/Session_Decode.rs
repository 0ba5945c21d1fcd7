impl < __Context > :: bincode :: Decode < __Context > for Session
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            id : :: bincode :: Decode :: decode(decoder) ?, cwd : :: bincode
            :: Decode :: decode(decoder) ?, created_at : :: bincode :: Decode
            :: decode(decoder) ?, version : :: bincode :: Decode ::
            decode(decoder) ?, creating : :: bincode :: Decode ::
            decode(decoder) ?, agent : :: bincode :: Decode :: decode(decoder)
            ?, run : :: bincode :: Decode :: decode(decoder) ?, compacting :
            :: bincode :: Decode :: decode(decoder) ?, run_failed : :: bincode
            :: Decode :: decode(decoder) ?, info : :: bincode :: Decode ::
            decode(decoder) ?, asked : :: bincode :: Decode :: decode(decoder)
            ?, dialogs : :: bincode :: Decode :: decode(decoder) ?, last_event
            : :: bincode :: Decode :: decode(decoder) ?, bucket : :: bincode
            :: Decode :: decode(decoder) ?, dialog_bucket : :: bincode ::
            Decode :: decode(decoder) ?, bash : :: bincode :: Decode ::
            decode(decoder) ?, stop_by : :: bincode :: Decode ::
            decode(decoder) ?, idle_since : :: bincode :: Decode ::
            decode(decoder) ?, kept : :: bincode :: Decode :: decode(decoder)
            ?, view : :: bincode :: Decode :: decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Session
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            id : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, cwd : :: bincode :: BorrowDecode ::< '_,
            __Context >:: borrow_decode(decoder) ?, created_at : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            version : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, creating : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, agent : :: bincode
            :: BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            run : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, compacting : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, run_failed : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, info : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, asked : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            dialogs : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, last_event : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, bucket : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, dialog_bucket : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?, bash
            : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, stop_by : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, idle_since : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, kept : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, view : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}