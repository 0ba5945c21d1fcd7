impl < __Context > :: bincode :: Decode < __Context > for HistoryFilter
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            session : :: bincode :: Decode :: decode(decoder) ?, command : ::
            bincode :: Decode :: decode(decoder) ?, kind : :: bincode ::
            Decode :: decode(decoder) ?, success : :: bincode :: Decode ::
            decode(decoder) ?, from_ms : :: bincode :: Decode ::
            decode(decoder) ?, to_ms : :: bincode :: Decode :: decode(decoder)
            ?, limit : :: bincode :: Decode :: decode(decoder) ?, before : ::
            bincode :: Decode :: decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for HistoryFilter
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            session : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, command : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, kind : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            success : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, from_ms : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, to_ms : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?, limit
            : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, before : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}