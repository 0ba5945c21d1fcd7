impl :: bincode :: Encode for Identity
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.seed, encoder) ?; :: bincode ::
        Encode :: encode(&self.ids, encoder) ?; :: bincode :: Encode ::
        encode(&self.keys, encoder) ?; :: bincode :: Encode ::
        encode(&self.outcomes, encoder) ?; :: bincode :: Encode ::
        encode(&self.stored_order, encoder) ?; :: bincode :: Encode ::
        encode(&self.expiring, encoder) ?; core :: result :: Result :: Ok(())
    }
}