impl :: bincode :: Encode for Opened
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.transport, encoder) ?; :: bincode
        :: Encode :: encode(&self.client, encoder) ?; core :: result :: Result
        :: Ok(())
    }
}