impl :: bincode :: Encode for ErrorCode
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::Malformed
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::FrameTooLarge
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Invalid
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::ShuttingDown
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::StorageFull
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::TooManyPending
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (5u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::IdConflict
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (6u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::KeyConflict
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (7u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::OutcomeExpired
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (8u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::RateLimited
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (9u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Busy
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (10u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::DependencyInvalid
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (11u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::DependencyFailed
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (12u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::DependencyTimeout
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (13u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::VersionMismatch
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (14u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SessionNotFound
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (15u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SessionExists
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (16u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::LimitReached
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (17u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::FileInUse
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (18u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Timeout
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (19u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Cancelled
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (20u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SessionDeleted
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (21u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::AgentError
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (22u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::AgentExited
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (23u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Unsupported
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (24u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Unavailable
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (25u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::CircuitOpen
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (26u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::DialogNotFound
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (27u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::CommandNotFound
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (28u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::CommandEnded
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (29u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::OutcomeUnknown
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (30u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::NotRecovered
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (31u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            },
        }
    }
}