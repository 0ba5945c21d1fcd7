impl :: bincode :: Encode for Malformed
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::TooLarge { size, max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; :: bincode :: Encode :: encode(size, encoder) ?; :: bincode
                :: Encode :: encode(max, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::NotUtf8 { at }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; :: bincode :: Encode :: encode(at, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::NotJson { at, problem }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; :: bincode :: Encode :: encode(at, encoder) ?; :: bincode ::
                Encode :: encode(problem, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::NotAnObject
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Invalid { id, command, problems }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; :: bincode :: Encode :: encode(id, encoder) ?; :: bincode ::
                Encode :: encode(command, encoder) ?; :: bincode :: Encode ::
                encode(problems, encoder) ?; core :: result :: Result ::
                Ok(())
            },
        }
    }
}