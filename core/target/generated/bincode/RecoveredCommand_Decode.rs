impl < __Context > :: bincode :: Decode < __Context > for RecoveredCommand
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            command : :: bincode :: Decode :: decode(decoder) ?, id : ::
            bincode :: Decode :: decode(decoder) ?, kind : :: bincode ::
            Decode :: decode(decoder) ?, session : :: bincode :: Decode ::
            decode(decoder) ?, started : :: bincode :: Decode ::
            decode(decoder) ?, fate : :: bincode :: Decode :: decode(decoder)
            ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for RecoveredCommand
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            command : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, id : :: bincode :: BorrowDecode ::< '_,
            __Context >:: borrow_decode(decoder) ?, kind : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            session : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, started : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, fate : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}