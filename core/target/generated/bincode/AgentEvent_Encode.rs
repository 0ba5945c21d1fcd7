impl :: bincode :: Encode for AgentEvent
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::RunStarted
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::RunEnded { will_retry, failed }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; :: bincode :: Encode :: encode(will_retry, encoder) ?; ::
                bincode :: Encode :: encode(failed, encoder) ?; core :: result
                :: Result :: Ok(())
            }, Self ::RunSettled
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::CompactionStarted
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::CompactionEnded { will_retry }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; :: bincode :: Encode :: encode(will_retry, encoder) ?; core
                :: result :: Result :: Ok(())
            }, Self ::RetryScheduled
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (5u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::RetryEnded
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (6u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::DialogOpened { request, method, timeout_ms }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (7u32), encoder) ?
                ; :: bincode :: Encode :: encode(request, encoder) ?; ::
                bincode :: Encode :: encode(method, encoder) ?; :: bincode ::
                Encode :: encode(timeout_ms, encoder) ?; core :: result ::
                Result :: Ok(())
            }, Self ::Other
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (8u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            },
        }
    }
}