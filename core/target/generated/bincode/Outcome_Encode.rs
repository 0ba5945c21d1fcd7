impl :: bincode :: Encode for Outcome
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.result, encoder) ?; :: bincode ::
        Encode :: encode(&self.session_version, encoder) ?; :: bincode ::
        Encode :: encode(&self.lane_sequence, encoder) ?; :: bincode :: Encode
        :: encode(&self.at, encoder) ?; core :: result :: Result :: Ok(())
    }
}