impl :: bincode :: Encode for Charge
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::None
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Provider { name, probe }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; :: bincode :: Encode :: encode(name, encoder) ?; :: bincode
                :: Encode :: encode(probe, encoder) ?; core :: result ::
                Result :: Ok(())
            }, Self ::Bash { session, common }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; :: bincode :: Encode :: encode(session, encoder) ?; ::
                bincode :: Encode :: encode(common, encoder) ?; core :: result
                :: Result :: Ok(())
            },
        }
    }
}