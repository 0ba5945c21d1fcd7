impl :: bincode :: Encode for InputKind
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::Boot(field_0)
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; :: bincode :: Encode :: encode(field_0, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Opened(field_0)
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; :: bincode :: Encode :: encode(field_0, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Closed { conn }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; :: bincode :: Encode :: encode(conn, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Command { conn, envelope }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; :: bincode :: Encode :: encode(conn, encoder) ?; :: bincode
                :: Encode :: encode(envelope, encoder) ?; core :: result ::
                Result :: Ok(())
            }, Self ::Malformed { conn, malformed }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; :: bincode :: Encode :: encode(conn, encoder) ?; :: bincode
                :: Encode :: encode(malformed, encoder) ?; core :: result ::
                Result :: Ok(())
            }, Self ::Agent { agent, said }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (5u32), encoder) ?
                ; :: bincode :: Encode :: encode(agent, encoder) ?; :: bincode
                :: Encode :: encode(said, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::Answered { query, answer }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (6u32), encoder) ?
                ; :: bincode :: Encode :: encode(query, encoder) ?; :: bincode
                :: Encode :: encode(answer, encoder) ?; core :: result ::
                Result :: Ok(())
            }, Self ::Storage { writable }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (7u32), encoder) ?
                ; :: bincode :: Encode :: encode(writable, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Tick
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (8u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Drain
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (9u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Stop
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (10u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            },
        }
    }
}