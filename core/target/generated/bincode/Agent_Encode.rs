impl :: bincode :: Encode for Agent
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::Down
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Starting { agent, by }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; :: bincode :: Encode :: encode(agent, encoder) ?; :: bincode
                :: Encode :: encode(by, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::Up { agent, settles, disposition }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; :: bincode :: Encode :: encode(agent, encoder) ?; :: bincode
                :: Encode :: encode(settles, encoder) ?; :: bincode :: Encode
                :: encode(disposition, encoder) ?; core :: result :: Result ::
                Ok(())
            }, Self ::Ending { agent }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; :: bincode :: Encode :: encode(agent, encoder) ?; core ::
                result :: Result :: Ok(())
            },
        }
    }
}