impl < __Context > :: bincode :: Decode < __Context > for Failure
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::Malformed
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 1u32 =>core :: result :: Result :: Ok(Self ::ShuttingDown {}),
            2u32 =>core :: result :: Result :: Ok(Self ::StorageFull {}), 3u32
            =>core :: result :: Result ::
            Ok(Self ::TooManyPending
            {
                max : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::IdConflict
            {
                id : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, before : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, now : :: bincode :: Decode ::<
                __D :: Context >:: decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::KeyConflict
            {
                key : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, before : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, now : :: bincode :: Decode ::<
                __D :: Context >:: decode(decoder) ?,
            }), 6u32 =>core :: result :: Result ::
            Ok(Self ::OutcomeExpired
            {
                id : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 7u32 =>core :: result :: Result ::
            Ok(Self ::TooManyWaiters
            {
                max : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 8u32 =>core :: result :: Result ::
            Ok(Self ::RateLimited
            {
                bucket : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, retry_ms : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 9u32 =>core :: result :: Result :: Ok(Self ::Busy {}), 10u32
            =>core :: result :: Result ::
            Ok(Self ::LaneFull
            {
                max : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 11u32 =>core :: result :: Result ::
            Ok(Self ::TooManyKeys
            {
                max : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 12u32 =>core :: result :: Result ::
            Ok(Self ::DependencySelf
            {
                id : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 13u32 =>core :: result :: Result ::
            Ok(Self ::DependencyUnknown
            {
                id : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 14u32 =>core :: result :: Result ::
            Ok(Self ::DependencyFailed
            {
                id : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, code : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 15u32 =>core :: result :: Result ::
            Ok(Self ::DependencyTimeout
            {
                ms : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 16u32 =>core :: result :: Result ::
            Ok(Self ::VersionMismatch
            {
                expected : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, actual : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 17u32 =>core :: result :: Result ::
            Ok(Self ::SessionNotFound
            {
                session : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 18u32 =>core :: result :: Result ::
            Ok(Self ::SessionExists
            {
                session : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 19u32 =>core :: result :: Result ::
            Ok(Self ::SessionLimit
            {
                max : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 20u32 =>core :: result :: Result ::
            Ok(Self ::FileInUse
            {
                session : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 21u32 =>core :: result :: Result ::
            Ok(Self ::Timeout
            {
                ms : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 22u32 =>core :: result :: Result :: Ok(Self ::Cancelled {}),
            23u32 =>core :: result :: Result :: Ok(Self ::SessionDeleted {}),
            24u32 =>core :: result :: Result ::
            Ok(Self ::Agent
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 25u32 =>core :: result :: Result ::
            Ok(Self ::AgentExited
            {
                status : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, stderr : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 26u32 =>core :: result :: Result ::
            Ok(Self ::AgentNotReady
            {
                ms : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 27u32 =>core :: result :: Result ::
            Ok(Self ::RunNotStarted
            {
                ms : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 28u32 =>core :: result :: Result :: Ok(Self ::Unsupported {}),
            29u32 =>core :: result :: Result ::
            Ok(Self ::Unavailable
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 30u32 =>core :: result :: Result ::
            Ok(Self ::CircuitOpen
            {
                circuit : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, retry_ms : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 31u32 =>core :: result :: Result ::
            Ok(Self ::DialogNotFound
            {
                request : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 32u32 =>core :: result :: Result ::
            Ok(Self ::DialogMismatch
            {
                request : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 33u32 =>core :: result :: Result ::
            Ok(Self ::DialogMethod
            {
                request : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, expected : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 34u32 =>core :: result :: Result ::
            Ok(Self ::TooManySubscriptions
            {
                max : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 35u32 =>core :: result :: Result ::
            Ok(Self ::CommandNotFound
            {
                id : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 36u32 =>core :: result :: Result ::
            Ok(Self ::CommandEnded
            {
                id : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 37u32 =>core :: result :: Result ::
            Ok(Self ::NothingToReconcile
            {
                id : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 38u32 =>core :: result :: Result ::
            Ok(Self ::OutcomeUnknown {}), 39u32 =>core :: result :: Result ::
            Ok(Self ::NotRecovered {}), 40u32 =>core :: result :: Result ::
            Ok(Self ::ReconciledFailed
            {
                note : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 41u32 =>core :: result :: Result :: Ok(Self ::Redacted {}),
            variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Failure", allowed : &:: bincode
                :: error :: AllowedEnumVariants :: Range { min: 0, max: 41 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Failure
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::Malformed
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 1u32 =>core :: result :: Result :: Ok(Self ::ShuttingDown {}),
            2u32 =>core :: result :: Result :: Ok(Self ::StorageFull {}), 3u32
            =>core :: result :: Result ::
            Ok(Self ::TooManyPending
            {
                max : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::IdConflict
            {
                id : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, before : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, now : ::
                bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::KeyConflict
            {
                key : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, before : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, now : ::
                bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 6u32 =>core :: result :: Result ::
            Ok(Self ::OutcomeExpired
            {
                id : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 7u32 =>core :: result :: Result ::
            Ok(Self ::TooManyWaiters
            {
                max : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 8u32 =>core :: result :: Result ::
            Ok(Self ::RateLimited
            {
                bucket : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, retry_ms : :: bincode ::
                BorrowDecode ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 9u32 =>core :: result :: Result :: Ok(Self ::Busy {}), 10u32
            =>core :: result :: Result ::
            Ok(Self ::LaneFull
            {
                max : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 11u32 =>core :: result :: Result ::
            Ok(Self ::TooManyKeys
            {
                max : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 12u32 =>core :: result :: Result ::
            Ok(Self ::DependencySelf
            {
                id : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 13u32 =>core :: result :: Result ::
            Ok(Self ::DependencyUnknown
            {
                id : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 14u32 =>core :: result :: Result ::
            Ok(Self ::DependencyFailed
            {
                id : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, code : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 15u32 =>core :: result :: Result ::
            Ok(Self ::DependencyTimeout
            {
                ms : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 16u32 =>core :: result :: Result ::
            Ok(Self ::VersionMismatch
            {
                expected : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, actual : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 17u32 =>core :: result :: Result ::
            Ok(Self ::SessionNotFound
            {
                session : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 18u32 =>core :: result :: Result ::
            Ok(Self ::SessionExists
            {
                session : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 19u32 =>core :: result :: Result ::
            Ok(Self ::SessionLimit
            {
                max : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 20u32 =>core :: result :: Result ::
            Ok(Self ::FileInUse
            {
                session : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 21u32 =>core :: result :: Result ::
            Ok(Self ::Timeout
            {
                ms : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 22u32 =>core :: result :: Result :: Ok(Self ::Cancelled {}),
            23u32 =>core :: result :: Result :: Ok(Self ::SessionDeleted {}),
            24u32 =>core :: result :: Result ::
            Ok(Self ::Agent
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 25u32 =>core :: result :: Result ::
            Ok(Self ::AgentExited
            {
                status : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, stderr : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 26u32 =>core :: result :: Result ::
            Ok(Self ::AgentNotReady
            {
                ms : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 27u32 =>core :: result :: Result ::
            Ok(Self ::RunNotStarted
            {
                ms : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 28u32 =>core :: result :: Result :: Ok(Self ::Unsupported {}),
            29u32 =>core :: result :: Result ::
            Ok(Self ::Unavailable
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 30u32 =>core :: result :: Result ::
            Ok(Self ::CircuitOpen
            {
                circuit : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, retry_ms : :: bincode ::
                BorrowDecode ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 31u32 =>core :: result :: Result ::
            Ok(Self ::DialogNotFound
            {
                request : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 32u32 =>core :: result :: Result ::
            Ok(Self ::DialogMismatch
            {
                request : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 33u32 =>core :: result :: Result ::
            Ok(Self ::DialogMethod
            {
                request : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, expected : :: bincode ::
                BorrowDecode ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 34u32 =>core :: result :: Result ::
            Ok(Self ::TooManySubscriptions
            {
                max : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 35u32 =>core :: result :: Result ::
            Ok(Self ::CommandNotFound
            {
                id : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 36u32 =>core :: result :: Result ::
            Ok(Self ::CommandEnded
            {
                id : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 37u32 =>core :: result :: Result ::
            Ok(Self ::NothingToReconcile
            {
                id : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 38u32 =>core :: result :: Result ::
            Ok(Self ::OutcomeUnknown {}), 39u32 =>core :: result :: Result ::
            Ok(Self ::NotRecovered {}), 40u32 =>core :: result :: Result ::
            Ok(Self ::ReconciledFailed
            {
                note : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 41u32 =>core :: result :: Result :: Ok(Self ::Redacted {}),
            variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Failure", allowed : &:: bincode
                :: error :: AllowedEnumVariants :: Range { min: 0, max: 41 }
            })
        }
    }
}