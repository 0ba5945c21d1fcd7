impl :: bincode :: Encode for Position
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::Closed
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Open { until }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; :: bincode :: Encode :: encode(until, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::HalfOpen { out, succeeded }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; :: bincode :: Encode :: encode(out, encoder) ?; :: bincode
                :: Encode :: encode(succeeded, encoder) ?; core :: result ::
                Result :: Ok(())
            },
        }
    }
}