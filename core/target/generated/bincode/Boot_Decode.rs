impl < __Context > :: bincode :: Decode < __Context > for Boot
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            rules : :: bincode :: Decode :: decode(decoder) ?, server_version
            : :: bincode :: Decode :: decode(decoder) ?, limits : :: bincode
            :: Decode :: decode(decoder) ?, entropy : :: bincode :: Decode ::
            decode(decoder) ?, clean : :: bincode :: Decode :: decode(decoder)
            ?, recovery : :: bincode :: Decode :: decode(decoder) ?, agent :
            :: bincode :: Decode :: decode(decoder) ?, default_cwd : ::
            bincode :: Decode :: decode(decoder) ?, journal_path : :: bincode
            :: Decode :: decode(decoder) ?, journal : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Boot
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            rules : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, server_version : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            limits : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, entropy : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, clean : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            recovery : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, agent : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, default_cwd : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, journal_path : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            journal : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?,
        })
    }
}