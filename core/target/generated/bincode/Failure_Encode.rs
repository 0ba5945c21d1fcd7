impl :: bincode :: Encode for Failure
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::Malformed(field_0)
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; :: bincode :: Encode :: encode(field_0, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::ShuttingDown
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::StorageFull
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::TooManyPending { max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; :: bincode :: Encode :: encode(max, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::IdConflict { id, before, now }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; :: bincode :: Encode :: encode(id, encoder) ?; :: bincode ::
                Encode :: encode(before, encoder) ?; :: bincode :: Encode ::
                encode(now, encoder) ?; core :: result :: Result :: Ok(())
            }, Self ::KeyConflict { key, before, now }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (5u32), encoder) ?
                ; :: bincode :: Encode :: encode(key, encoder) ?; :: bincode
                :: Encode :: encode(before, encoder) ?; :: bincode :: Encode
                :: encode(now, encoder) ?; core :: result :: Result :: Ok(())
            }, Self ::OutcomeExpired { id }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (6u32), encoder) ?
                ; :: bincode :: Encode :: encode(id, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::TooManyWaiters { max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (7u32), encoder) ?
                ; :: bincode :: Encode :: encode(max, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::RateLimited { bucket, retry_ms }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (8u32), encoder) ?
                ; :: bincode :: Encode :: encode(bucket, encoder) ?; ::
                bincode :: Encode :: encode(retry_ms, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Busy
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (9u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::LaneFull { max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (10u32), encoder) ?
                ; :: bincode :: Encode :: encode(max, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::TooManyKeys { max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (11u32), encoder) ?
                ; :: bincode :: Encode :: encode(max, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::DependencySelf { id }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (12u32), encoder) ?
                ; :: bincode :: Encode :: encode(id, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::DependencyUnknown { id }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (13u32), encoder) ?
                ; :: bincode :: Encode :: encode(id, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::DependencyFailed { id, code }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (14u32), encoder) ?
                ; :: bincode :: Encode :: encode(id, encoder) ?; :: bincode ::
                Encode :: encode(code, encoder) ?; core :: result :: Result ::
                Ok(())
            }, Self ::DependencyTimeout { ms }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (15u32), encoder) ?
                ; :: bincode :: Encode :: encode(ms, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::VersionMismatch { expected, actual }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (16u32), encoder) ?
                ; :: bincode :: Encode :: encode(expected, encoder) ?; ::
                bincode :: Encode :: encode(actual, encoder) ?; core :: result
                :: Result :: Ok(())
            }, Self ::SessionNotFound { session }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (17u32), encoder) ?
                ; :: bincode :: Encode :: encode(session, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::SessionExists { session }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (18u32), encoder) ?
                ; :: bincode :: Encode :: encode(session, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::SessionLimit { max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (19u32), encoder) ?
                ; :: bincode :: Encode :: encode(max, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::FileInUse { session }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (20u32), encoder) ?
                ; :: bincode :: Encode :: encode(session, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Timeout { ms }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (21u32), encoder) ?
                ; :: bincode :: Encode :: encode(ms, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Cancelled
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (22u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SessionDeleted
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (23u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Agent(field_0)
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (24u32), encoder) ?
                ; :: bincode :: Encode :: encode(field_0, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::AgentExited { status, stderr }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (25u32), encoder) ?
                ; :: bincode :: Encode :: encode(status, encoder) ?; ::
                bincode :: Encode :: encode(stderr, encoder) ?; core :: result
                :: Result :: Ok(())
            }, Self ::AgentNotReady { ms }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (26u32), encoder) ?
                ; :: bincode :: Encode :: encode(ms, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::RunNotStarted { ms }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (27u32), encoder) ?
                ; :: bincode :: Encode :: encode(ms, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Unsupported
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (28u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Unavailable(field_0)
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (29u32), encoder) ?
                ; :: bincode :: Encode :: encode(field_0, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::CircuitOpen { circuit, retry_ms }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (30u32), encoder) ?
                ; :: bincode :: Encode :: encode(circuit, encoder) ?; ::
                bincode :: Encode :: encode(retry_ms, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::DialogNotFound { request }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (31u32), encoder) ?
                ; :: bincode :: Encode :: encode(request, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::DialogMismatch { request }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (32u32), encoder) ?
                ; :: bincode :: Encode :: encode(request, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::DialogMethod { request, expected }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (33u32), encoder) ?
                ; :: bincode :: Encode :: encode(request, encoder) ?; ::
                bincode :: Encode :: encode(expected, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::TooManySubscriptions { max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (34u32), encoder) ?
                ; :: bincode :: Encode :: encode(max, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::CommandNotFound { id }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (35u32), encoder) ?
                ; :: bincode :: Encode :: encode(id, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::CommandEnded { id }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (36u32), encoder) ?
                ; :: bincode :: Encode :: encode(id, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::NothingToReconcile { id }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (37u32), encoder) ?
                ; :: bincode :: Encode :: encode(id, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::OutcomeUnknown
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (38u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::NotRecovered
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (39u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::ReconciledFailed { note }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (40u32), encoder) ?
                ; :: bincode :: Encode :: encode(note, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Redacted
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (41u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            },
        }
    }
}