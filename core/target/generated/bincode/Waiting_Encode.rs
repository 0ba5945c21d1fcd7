impl :: bincode :: Encode for Waiting
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.command, encoder) ?; :: bincode
        :: Encode :: encode(&self.class, encoder) ?; :: bincode :: Encode ::
        encode(&self.ready, encoder) ?; :: bincode :: Encode ::
        encode(&self.creates, encoder) ?; :: bincode :: Encode ::
        encode(&self.prompt, encoder) ?; core :: result :: Result :: Ok(())
    }
}