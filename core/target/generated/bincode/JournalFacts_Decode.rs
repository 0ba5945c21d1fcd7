impl < __Context > :: bincode :: Decode < __Context > for JournalFacts
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            records : :: bincode :: Decode :: decode(decoder) ?, torn_bytes :
            :: bincode :: Decode :: decode(decoder) ?, durability : :: bincode
            :: Decode :: decode(decoder) ?, format : :: bincode :: Decode ::
            decode(decoder) ?,
        })
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for JournalFacts
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        core :: result :: Result ::
        Ok(Self
        {
            records : :: bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, torn_bytes : :: bincode :: BorrowDecode
            ::< '_, __Context >:: borrow_decode(decoder) ?, durability : ::
            bincode :: BorrowDecode ::< '_, __Context >::
            borrow_decode(decoder) ?, format : :: bincode :: BorrowDecode ::<
            '_, __Context >:: borrow_decode(decoder) ?,
        })
    }
}