impl < __Context > :: bincode :: Decode < __Context > for ErrorCode
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::Malformed {}), 1u32
            =>core :: result :: Result :: Ok(Self ::FrameTooLarge {}), 2u32
            =>core :: result :: Result :: Ok(Self ::Invalid {}), 3u32 =>core
            :: result :: Result :: Ok(Self ::ShuttingDown {}), 4u32 =>core ::
            result :: Result :: Ok(Self ::StorageFull {}), 5u32 =>core ::
            result :: Result :: Ok(Self ::TooManyPending {}), 6u32 =>core ::
            result :: Result :: Ok(Self ::IdConflict {}), 7u32 =>core ::
            result :: Result :: Ok(Self ::KeyConflict {}), 8u32 =>core ::
            result :: Result :: Ok(Self ::OutcomeExpired {}), 9u32 =>core ::
            result :: Result :: Ok(Self ::RateLimited {}), 10u32 =>core ::
            result :: Result :: Ok(Self ::Busy {}), 11u32 =>core :: result ::
            Result :: Ok(Self ::DependencyInvalid {}), 12u32 =>core :: result
            :: Result :: Ok(Self ::DependencyFailed {}), 13u32 =>core ::
            result :: Result :: Ok(Self ::DependencyTimeout {}), 14u32 =>core
            :: result :: Result :: Ok(Self ::VersionMismatch {}), 15u32 =>core
            :: result :: Result :: Ok(Self ::SessionNotFound {}), 16u32 =>core
            :: result :: Result :: Ok(Self ::SessionExists {}), 17u32 =>core
            :: result :: Result :: Ok(Self ::LimitReached {}), 18u32 =>core ::
            result :: Result :: Ok(Self ::FileInUse {}), 19u32 =>core ::
            result :: Result :: Ok(Self ::Timeout {}), 20u32 =>core :: result
            :: Result :: Ok(Self ::Cancelled {}), 21u32 =>core :: result ::
            Result :: Ok(Self ::SessionDeleted {}), 22u32 =>core :: result ::
            Result :: Ok(Self ::AgentError {}), 23u32 =>core :: result ::
            Result :: Ok(Self ::AgentExited {}), 24u32 =>core :: result ::
            Result :: Ok(Self ::Unsupported {}), 25u32 =>core :: result ::
            Result :: Ok(Self ::Unavailable {}), 26u32 =>core :: result ::
            Result :: Ok(Self ::CircuitOpen {}), 27u32 =>core :: result ::
            Result :: Ok(Self ::DialogNotFound {}), 28u32 =>core :: result ::
            Result :: Ok(Self ::CommandNotFound {}), 29u32 =>core :: result ::
            Result :: Ok(Self ::CommandEnded {}), 30u32 =>core :: result ::
            Result :: Ok(Self ::OutcomeUnknown {}), 31u32 =>core :: result ::
            Result :: Ok(Self ::NotRecovered {}), variant =>core :: result ::
            Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "ErrorCode", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 31 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for ErrorCode
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::Malformed {}), 1u32
            =>core :: result :: Result :: Ok(Self ::FrameTooLarge {}), 2u32
            =>core :: result :: Result :: Ok(Self ::Invalid {}), 3u32 =>core
            :: result :: Result :: Ok(Self ::ShuttingDown {}), 4u32 =>core ::
            result :: Result :: Ok(Self ::StorageFull {}), 5u32 =>core ::
            result :: Result :: Ok(Self ::TooManyPending {}), 6u32 =>core ::
            result :: Result :: Ok(Self ::IdConflict {}), 7u32 =>core ::
            result :: Result :: Ok(Self ::KeyConflict {}), 8u32 =>core ::
            result :: Result :: Ok(Self ::OutcomeExpired {}), 9u32 =>core ::
            result :: Result :: Ok(Self ::RateLimited {}), 10u32 =>core ::
            result :: Result :: Ok(Self ::Busy {}), 11u32 =>core :: result ::
            Result :: Ok(Self ::DependencyInvalid {}), 12u32 =>core :: result
            :: Result :: Ok(Self ::DependencyFailed {}), 13u32 =>core ::
            result :: Result :: Ok(Self ::DependencyTimeout {}), 14u32 =>core
            :: result :: Result :: Ok(Self ::VersionMismatch {}), 15u32 =>core
            :: result :: Result :: Ok(Self ::SessionNotFound {}), 16u32 =>core
            :: result :: Result :: Ok(Self ::SessionExists {}), 17u32 =>core
            :: result :: Result :: Ok(Self ::LimitReached {}), 18u32 =>core ::
            result :: Result :: Ok(Self ::FileInUse {}), 19u32 =>core ::
            result :: Result :: Ok(Self ::Timeout {}), 20u32 =>core :: result
            :: Result :: Ok(Self ::Cancelled {}), 21u32 =>core :: result ::
            Result :: Ok(Self ::SessionDeleted {}), 22u32 =>core :: result ::
            Result :: Ok(Self ::AgentError {}), 23u32 =>core :: result ::
            Result :: Ok(Self ::AgentExited {}), 24u32 =>core :: result ::
            Result :: Ok(Self ::Unsupported {}), 25u32 =>core :: result ::
            Result :: Ok(Self ::Unavailable {}), 26u32 =>core :: result ::
            Result :: Ok(Self ::CircuitOpen {}), 27u32 =>core :: result ::
            Result :: Ok(Self ::DialogNotFound {}), 28u32 =>core :: result ::
            Result :: Ok(Self ::CommandNotFound {}), 29u32 =>core :: result ::
            Result :: Ok(Self ::CommandEnded {}), 30u32 =>core :: result ::
            Result :: Ok(Self ::OutcomeUnknown {}), 31u32 =>core :: result ::
            Result :: Ok(Self ::NotRecovered {}), variant =>core :: result ::
            Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "ErrorCode", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 31 }
            })
        }
    }
}