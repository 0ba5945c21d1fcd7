impl :: bincode :: Encode for HealthIssue
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::Sessions { count, max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; :: bincode :: Encode :: encode(count, encoder) ?; :: bincode
                :: Encode :: encode(max, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::Connections { count, max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; :: bincode :: Encode :: encode(count, encoder) ?; :: bincode
                :: Encode :: encode(max, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::ProviderCircuit
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::BashCircuit
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::StorageFull
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::UnknownOutcomes { count }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (5u32), encoder) ?
                ; :: bincode :: Encode :: encode(count, encoder) ?; core ::
                result :: Result :: Ok(())
            },
        }
    }
}