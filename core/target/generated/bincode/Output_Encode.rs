impl :: bincode :: Encode for Output
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::Deliver { to, frame }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; :: bincode :: Encode :: encode(to, encoder) ?; :: bincode ::
                Encode :: encode(frame, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::Admit { conn }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; :: bincode :: Encode :: encode(conn, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Leave { conn }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; :: bincode :: Encode :: encode(conn, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Subscribe { conn, session, after }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; :: bincode :: Encode :: encode(conn, encoder) ?; :: bincode
                :: Encode :: encode(session, encoder) ?; :: bincode :: Encode
                :: encode(after, encoder) ?; core :: result :: Result ::
                Ok(())
            }, Self ::Unsubscribe { conn, session }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; :: bincode :: Encode :: encode(conn, encoder) ?; :: bincode
                :: Encode :: encode(session, encoder) ?; core :: result ::
                Result :: Ok(())
            }, Self ::Unlist { session }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (5u32), encoder) ?
                ; :: bincode :: Encode :: encode(session, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::SetInterest { conn, interest }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (6u32), encoder) ?
                ; :: bincode :: Encode :: encode(conn, encoder) ?; :: bincode
                :: Encode :: encode(interest, encoder) ?; core :: result ::
                Result :: Ok(())
            }, Self ::Ask(field_0)
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (7u32), encoder) ?
                ; :: bincode :: Encode :: encode(field_0, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::Query { query, what }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (8u32), encoder) ?
                ; :: bincode :: Encode :: encode(query, encoder) ?; :: bincode
                :: Encode :: encode(what, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::Exit
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (9u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            },
        }
    }
}