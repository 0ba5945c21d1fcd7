impl :: bincode :: Encode for Details
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
            }, Self ::Prompt { streaming, slash }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; :: bincode :: Encode :: encode(streaming, encoder) ?; ::
                bincode :: Encode :: encode(slash, encoder) ?; core :: result
                :: Result :: Ok(())
            }, Self ::Create { cwd }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; :: bincode :: Encode :: encode(cwd, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Load { path }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; :: bincode :: Encode :: encode(path, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Switch { cursor }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; :: bincode :: Encode :: encode(cursor, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::DialogAnswer { request, method }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (5u32), encoder) ?
                ; :: bincode :: Encode :: encode(request, encoder) ?; ::
                bincode :: Encode :: encode(method, encoder) ?; core :: result
                :: Result :: Ok(())
            }, Self ::Cancel { command }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (6u32), encoder) ?
                ; :: bincode :: Encode :: encode(command, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Reconcile { command, succeeded, note }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (7u32), encoder) ?
                ; :: bincode :: Encode :: encode(command, encoder) ?; ::
                bincode :: Encode :: encode(succeeded, encoder) ?; :: bincode
                :: Encode :: encode(note, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::Interest(field_0)
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (8u32), encoder) ?
                ; :: bincode :: Encode :: encode(field_0, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::History(field_0)
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (9u32), encoder) ?
                ; :: bincode :: Encode :: encode(field_0, encoder) ?; core ::
                result :: Result :: Ok(())
            },
        }
    }
}