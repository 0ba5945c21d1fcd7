impl :: bincode :: Encode for JournalFacts
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.records, encoder) ?; :: bincode
        :: Encode :: encode(&self.torn_bytes, encoder) ?; :: bincode :: Encode
        :: encode(&self.durability, encoder) ?; :: bincode :: Encode ::
        encode(&self.format, encoder) ?; core :: result :: Result :: Ok(())
    }
}