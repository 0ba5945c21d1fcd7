impl < __Context > :: bincode :: Decode < __Context > for Recovery
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            journal_path : :: bincode :: Decode :: decode(decoder) ?, journal
            : :: bincode :: Decode :: decode(decoder) ?, clean : :: bincode ::
            Decode :: decode(decoder) ?, boot : :: bincode :: Decode ::
            decode(decoder) ?, outcomes : :: bincode :: Decode ::
            decode(decoder) ?, sessions : :: bincode :: Decode ::
            decode(decoder) ?, in_flight : :: bincode :: Decode ::
            decode(decoder) ?, recoverable : :: bincode :: Decode ::
            decode(decoder) ?, failed : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Recovery
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            journal_path : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, journal : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, clean : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?, boot
            : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, outcomes : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, sessions : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, in_flight : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, recoverable : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, failed : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}