impl < __Context > :: bincode :: Decode < __Context > for InputKind
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::Boot
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::Opened
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Closed
            {
                conn : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::Command
            {
                conn : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, envelope : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::Malformed
            {
                conn : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, malformed : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::Agent
            {
                agent : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, said : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 6u32 =>core :: result :: Result ::
            Ok(Self ::Answered
            {
                query : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, answer : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 7u32 =>core :: result :: Result ::
            Ok(Self ::Storage
            {
                writable : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 8u32 =>core :: result :: Result :: Ok(Self ::Tick {}), 9u32
            =>core :: result :: Result :: Ok(Self ::Drain {}), 10u32 =>core ::
            result :: Result :: Ok(Self ::Stop {}), variant =>core :: result
            :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "InputKind", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 10 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for InputKind
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::Boot
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::Opened
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Closed
            {
                conn : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::Command
            {
                conn : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, envelope : :: bincode ::
                BorrowDecode ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::Malformed
            {
                conn : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, malformed : :: bincode ::
                BorrowDecode ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::Agent
            {
                agent : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, said : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 6u32 =>core :: result :: Result ::
            Ok(Self ::Answered
            {
                query : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, answer : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 7u32 =>core :: result :: Result ::
            Ok(Self ::Storage
            {
                writable : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 8u32 =>core :: result :: Result :: Ok(Self ::Tick {}), 9u32
            =>core :: result :: Result :: Ok(Self ::Drain {}), 10u32 =>core ::
            result :: Result :: Ok(Self ::Stop {}), variant =>core :: result
            :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "InputKind", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 10 }
            })
        }
    }
}