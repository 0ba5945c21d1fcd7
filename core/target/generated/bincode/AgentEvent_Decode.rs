impl < __Context > :: bincode :: Decode < __Context > for AgentEvent
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::RunStarted {}), 1u32
            =>core :: result :: Result ::
            Ok(Self ::RunEnded
            {
                will_retry : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, failed : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 2u32 =>core :: result :: Result :: Ok(Self ::RunSettled {}),
            3u32 =>core :: result :: Result ::
            Ok(Self ::CompactionStarted {}), 4u32 =>core :: result :: Result
            ::
            Ok(Self ::CompactionEnded
            {
                will_retry : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::RetryScheduled {}), 6u32 =>core :: result :: Result ::
            Ok(Self ::RetryEnded {}), 7u32 =>core :: result :: Result ::
            Ok(Self ::DialogOpened
            {
                request : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, method : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, timeout_ms : :: bincode ::
                Decode ::< __D :: Context >:: decode(decoder) ?,
            }), 8u32 =>core :: result :: Result :: Ok(Self ::Other {}),
            variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "AgentEvent", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 8 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for AgentEvent
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::RunStarted {}), 1u32
            =>core :: result :: Result ::
            Ok(Self ::RunEnded
            {
                will_retry : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, failed : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 2u32 =>core :: result :: Result :: Ok(Self ::RunSettled {}),
            3u32 =>core :: result :: Result ::
            Ok(Self ::CompactionStarted {}), 4u32 =>core :: result :: Result
            ::
            Ok(Self ::CompactionEnded
            {
                will_retry : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::RetryScheduled {}), 6u32 =>core :: result :: Result ::
            Ok(Self ::RetryEnded {}), 7u32 =>core :: result :: Result ::
            Ok(Self ::DialogOpened
            {
                request : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, method : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, timeout_ms :
                :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 8u32 =>core :: result :: Result :: Ok(Self ::Other {}),
            variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "AgentEvent", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 8 }
            })
        }
    }
}