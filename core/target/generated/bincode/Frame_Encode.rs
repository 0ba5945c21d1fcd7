impl :: bincode :: Encode for Frame
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::ServerReady { server_version }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; :: bincode :: Encode :: encode(server_version, encoder) ?;
                core :: result :: Result :: Ok(())
            }, Self ::RecoverySummary(field_0)
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; :: bincode :: Encode :: encode(field_0, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::ServerShutdown { timeout_ms }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; :: bincode :: Encode :: encode(timeout_ms, encoder) ?; core
                :: result :: Result :: Ok(())
            }, Self ::SessionCreated(field_0)
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; :: bincode :: Encode :: encode(field_0, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::SessionDeleted { session }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; :: bincode :: Encode :: encode(session, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Event { session, cursor, event }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (5u32), encoder) ?
                ; :: bincode :: Encode :: encode(session, encoder) ?; ::
                bincode :: Encode :: encode(cursor, encoder) ?; :: bincode ::
                Encode :: encode(event, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::DialogClosed { session, request, how }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (6u32), encoder) ?
                ; :: bincode :: Encode :: encode(session, encoder) ?; ::
                bincode :: Encode :: encode(request, encoder) ?; :: bincode ::
                Encode :: encode(how, encoder) ?; core :: result :: Result ::
                Ok(())
            }, Self ::Lifecycle
            { command, envelope, session, lane_sequence, phase }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (7u32), encoder) ?
                ; :: bincode :: Encode :: encode(command, encoder) ?; ::
                bincode :: Encode :: encode(envelope, encoder) ?; :: bincode
                :: Encode :: encode(session, encoder) ?; :: bincode :: Encode
                :: encode(lane_sequence, encoder) ?; :: bincode :: Encode ::
                encode(phase, encoder) ?; core :: result :: Result :: Ok(())
            }, Self ::Response { id, command, outcome, replayed }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (8u32), encoder) ?
                ; :: bincode :: Encode :: encode(id, encoder) ?; :: bincode ::
                Encode :: encode(command, encoder) ?; :: bincode :: Encode ::
                encode(outcome, encoder) ?; :: bincode :: Encode ::
                encode(replayed, encoder) ?; core :: result :: Result ::
                Ok(())
            },
        }
    }
}