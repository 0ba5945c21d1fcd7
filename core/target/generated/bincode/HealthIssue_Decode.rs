impl < __Context > :: bincode :: Decode < __Context > for HealthIssue
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::Sessions
            {
                count : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, max : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::Connections
            {
                count : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, max : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::ProviderCircuit {}), 3u32 =>core :: result :: Result ::
            Ok(Self ::BashCircuit {}), 4u32 =>core :: result :: Result ::
            Ok(Self ::StorageFull {}), 5u32 =>core :: result :: Result ::
            Ok(Self ::UnknownOutcomes
            {
                count : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "HealthIssue", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 5 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for HealthIssue
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::Sessions
            {
                count : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, max : :: bincode :: BorrowDecode ::<
                __D :: Context >:: borrow_decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::Connections
            {
                count : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, max : :: bincode :: BorrowDecode ::<
                __D :: Context >:: borrow_decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::ProviderCircuit {}), 3u32 =>core :: result :: Result ::
            Ok(Self ::BashCircuit {}), 4u32 =>core :: result :: Result ::
            Ok(Self ::StorageFull {}), 5u32 =>core :: result :: Result ::
            Ok(Self ::UnknownOutcomes
            {
                count : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "HealthIssue", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 5 }
            })
        }
    }
}