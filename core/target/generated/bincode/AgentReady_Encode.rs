impl :: bincode :: Encode for AgentReady
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.version, encoder) ?; :: bincode
        :: Encode :: encode(&self.settles, encoder) ?; :: bincode :: Encode ::
        encode(&self.disposition, encoder) ?; :: bincode :: Encode ::
        encode(&self.absent, encoder) ?; :: bincode :: Encode ::
        encode(&self.info, encoder) ?; core :: result :: Result :: Ok(())
    }
}