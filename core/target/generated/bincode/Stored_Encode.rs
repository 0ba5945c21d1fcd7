impl :: bincode :: Encode for Stored
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.envelope, encoder) ?; :: bincode
        :: Encode :: encode(&self.session, encoder) ?; :: bincode :: Encode ::
        encode(&self.outcome, encoder) ?; :: bincode :: Encode ::
        encode(&self.client, encoder) ?; :: bincode :: Encode ::
        encode(&self.by_id, encoder) ?; :: bincode :: Encode ::
        encode(&self.by_key, encoder) ?; core :: result :: Result :: Ok(())
    }
}