impl :: bincode :: Encode for Ask
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::Spawn { agent, session, cwd, resume }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; :: bincode :: Encode :: encode(agent, encoder) ?; :: bincode
                :: Encode :: encode(session, encoder) ?; :: bincode :: Encode
                :: encode(cwd, encoder) ?; :: bincode :: Encode ::
                encode(resume, encoder) ?; core :: result :: Result :: Ok(())
            }, Self ::Call { agent, call, kind, frame }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; :: bincode :: Encode :: encode(agent, encoder) ?; :: bincode
                :: Encode :: encode(call, encoder) ?; :: bincode :: Encode ::
                encode(kind, encoder) ?; :: bincode :: Encode ::
                encode(frame, encoder) ?; core :: result :: Result :: Ok(())
            }, Self ::Interrupt { agent, kind }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; :: bincode :: Encode :: encode(agent, encoder) ?; :: bincode
                :: Encode :: encode(kind, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::Dialog { agent, request, answer }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; :: bincode :: Encode :: encode(agent, encoder) ?; :: bincode
                :: Encode :: encode(request, encoder) ?; :: bincode :: Encode
                :: encode(answer, encoder) ?; core :: result :: Result ::
                Ok(())
            }, Self ::Kill { agent }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; :: bincode :: Encode :: encode(agent, encoder) ?; core ::
                result :: Result :: Ok(())
            },
        }
    }
}