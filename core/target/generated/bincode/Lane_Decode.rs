impl < __Context > :: bincode :: Decode < __Context > for Lane
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            last_sequence : :: bincode :: Decode :: decode(decoder) ?, waiting
            : :: bincode :: Decode :: decode(decoder) ?, head : :: bincode ::
            Decode :: decode(decoder) ?, asides : :: bincode :: Decode ::
            decode(decoder) ?, slot : :: bincode :: Decode :: decode(decoder)
            ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Lane
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            last_sequence : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, waiting : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?, head : :: bincode ::
            BorrowDecode ::< '_, __Context >:: borrow_decode(decoder) ?,
            asides : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, slot : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}