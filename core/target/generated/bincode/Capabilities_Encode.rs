impl :: bincode :: Encode for Capabilities
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.agent, encoder) ?; :: bincode ::
        Encode :: encode(&self.agent_versions, encoder) ?; :: bincode ::
        Encode :: encode(&self.absent, encoder) ?; :: bincode :: Encode ::
        encode(&self.limits, encoder) ?; :: bincode :: Encode ::
        encode(&self.server_version, encoder) ?; core :: result :: Result ::
        Ok(())
    }
}