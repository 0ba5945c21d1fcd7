impl :: bincode :: Encode for Envelope
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.kind, encoder) ?; :: bincode ::
        Encode :: encode(&self.id, encoder) ?; :: bincode :: Encode ::
        encode(&self.session, encoder) ?; :: bincode :: Encode ::
        encode(&self.depends_on, encoder) ?; :: bincode :: Encode ::
        encode(&self.if_session_version, encoder) ?; :: bincode :: Encode ::
        encode(&self.idempotency_key, encoder) ?; :: bincode :: Encode ::
        encode(&self.timeout_ms, encoder) ?; :: bincode :: Encode ::
        encode(&self.fingerprint, encoder) ?; :: bincode :: Encode ::
        encode(&self.details, encoder) ?; core :: result :: Result :: Ok(())
    }
}