impl :: bincode :: Encode for Conn
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.client, encoder) ?; :: bincode ::
        Encode :: encode(&self.pending, encoder) ?; :: bincode :: Encode ::
        encode(&self.bucket, encoder) ?; :: bincode :: Encode ::
        encode(&self.interest, encoder) ?; :: bincode :: Encode ::
        encode(&self.subscriptions, encoder) ?; core :: result :: Result ::
        Ok(())
    }
}