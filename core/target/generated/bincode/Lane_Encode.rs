impl :: bincode :: Encode for Lane
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.last_sequence, encoder) ?; ::
        bincode :: Encode :: encode(&self.waiting, encoder) ?; :: bincode ::
        Encode :: encode(&self.head, encoder) ?; :: bincode :: Encode ::
        encode(&self.asides, encoder) ?; :: bincode :: Encode ::
        encode(&self.slot, encoder) ?; core :: result :: Result :: Ok(())
    }
}