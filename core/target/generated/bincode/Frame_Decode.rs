impl < __Context > :: bincode :: Decode < __Context > for Frame
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::ServerReady
            {
                server_version : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::RecoverySummary
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::ServerShutdown
            {
                timeout_ms : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::SessionCreated
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::SessionDeleted
            {
                session : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::Event
            {
                session : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, cursor : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, event : :: bincode :: Decode
                ::< __D :: Context >:: decode(decoder) ?,
            }), 6u32 =>core :: result :: Result ::
            Ok(Self ::DialogClosed
            {
                session : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, request : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, how : :: bincode :: Decode ::<
                __D :: Context >:: decode(decoder) ?,
            }), 7u32 =>core :: result :: Result ::
            Ok(Self ::Lifecycle
            {
                command : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, envelope : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, session : :: bincode :: Decode
                ::< __D :: Context >:: decode(decoder) ?, lane_sequence : ::
                bincode :: Decode ::< __D :: Context >:: decode(decoder) ?,
                phase : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 8u32 =>core :: result :: Result ::
            Ok(Self ::Response
            {
                id : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, command : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, outcome : :: bincode :: Decode
                ::< __D :: Context >:: decode(decoder) ?, replayed : ::
                bincode :: Decode ::< __D :: Context >:: decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Frame", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 8 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Frame
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::ServerReady
            {
                server_version : :: bincode :: BorrowDecode ::< __D :: Context
                >:: borrow_decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::RecoverySummary
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::ServerShutdown
            {
                timeout_ms : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::SessionCreated
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::SessionDeleted
            {
                session : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::Event
            {
                session : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, cursor : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, event : ::
                bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 6u32 =>core :: result :: Result ::
            Ok(Self ::DialogClosed
            {
                session : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, request : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, how : ::
                bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 7u32 =>core :: result :: Result ::
            Ok(Self ::Lifecycle
            {
                command : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, envelope : :: bincode ::
                BorrowDecode ::< __D :: Context >:: borrow_decode(decoder) ?,
                session : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, lane_sequence : :: bincode ::
                BorrowDecode ::< __D :: Context >:: borrow_decode(decoder) ?,
                phase : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 8u32 =>core :: result :: Result ::
            Ok(Self ::Response
            {
                id : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, command : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, outcome : ::
                bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, replayed : :: bincode ::
                BorrowDecode ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Frame", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 8 }
            })
        }
    }
}