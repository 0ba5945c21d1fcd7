impl < __Context > :: bincode :: Decode < __Context > for Rule
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::TypeMissing {}), 1u32
            =>core :: result :: Result :: Ok(Self ::TypeUnknown {}), 2u32
            =>core :: result :: Result ::
            Ok(Self ::NonEmptyStringIfProvided {}), 3u32 =>core :: result ::
            Result ::
            Ok(Self ::TooLong
            {
                max : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::ReservedPrefix {}), 5u32 =>core :: result :: Result ::
            Ok(Self ::ArrayOfIds {}), 6u32 =>core :: result :: Result ::
            Ok(Self ::TooManyDependencies
            {
                max : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 7u32 =>core :: result :: Result :: Ok(Self ::NonEmptyId {}),
            8u32 =>core :: result :: Result :: Ok(Self ::IdRequired {}), 9u32
            =>core :: result :: Result :: Ok(Self ::NonNegativeInteger {}),
            10u32 =>core :: result :: Result :: Ok(Self ::SessionRequired {}),
            11u32 =>core :: result :: Result ::
            Ok(Self ::SessionTargetedOnly {}), 12u32 =>core :: result ::
            Result :: Ok(Self ::RequiredString {}), 13u32 =>core :: result ::
            Result :: Ok(Self ::RequiredNonEmptyString {}), 14u32 =>core ::
            result :: Result :: Ok(Self ::StringIfProvided {}), 15u32 =>core
            :: result :: Result :: Ok(Self ::BooleanIfProvided {}), 16u32
            =>core :: result :: Result :: Ok(Self ::RequiredBoolean {}), 17u32
            =>core :: result :: Result :: Ok(Self ::ObjectIfProvided {}),
            18u32 =>core :: result :: Result :: Ok(Self ::RequiredObject {}),
            19u32 =>core :: result :: Result ::
            Ok(Self ::OneOf
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 20u32 =>core :: result :: Result ::
            Ok(Self ::ControlCharacters {}), 21u32 =>core :: result :: Result
            :: Ok(Self ::DangerousPath {}), 22u32 =>core :: result :: Result
            :: Ok(Self ::SessionIdCharacters {}), 23u32 =>core :: result ::
            Result :: Ok(Self ::RequestIdCharacters {}), 24u32 =>core ::
            result :: Result :: Ok(Self ::Timestamp {}), 25u32 =>core ::
            result :: Result :: Ok(Self ::TimestampOrder {}), 26u32 =>core ::
            result :: Result :: Ok(Self ::IntegerIfProvided {}), 27u32 =>core
            :: result :: Result ::
            Ok(Self ::Between
            {
                min : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, max : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 28u32 =>core :: result :: Result :: Ok(Self ::Images {}),
            29u32 =>core :: result :: Result :: Ok(Self ::AnswerMismatch {}),
            variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Rule", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 29 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Rule
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::TypeMissing {}), 1u32
            =>core :: result :: Result :: Ok(Self ::TypeUnknown {}), 2u32
            =>core :: result :: Result ::
            Ok(Self ::NonEmptyStringIfProvided {}), 3u32 =>core :: result ::
            Result ::
            Ok(Self ::TooLong
            {
                max : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::ReservedPrefix {}), 5u32 =>core :: result :: Result ::
            Ok(Self ::ArrayOfIds {}), 6u32 =>core :: result :: Result ::
            Ok(Self ::TooManyDependencies
            {
                max : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 7u32 =>core :: result :: Result :: Ok(Self ::NonEmptyId {}),
            8u32 =>core :: result :: Result :: Ok(Self ::IdRequired {}), 9u32
            =>core :: result :: Result :: Ok(Self ::NonNegativeInteger {}),
            10u32 =>core :: result :: Result :: Ok(Self ::SessionRequired {}),
            11u32 =>core :: result :: Result ::
            Ok(Self ::SessionTargetedOnly {}), 12u32 =>core :: result ::
            Result :: Ok(Self ::RequiredString {}), 13u32 =>core :: result ::
            Result :: Ok(Self ::RequiredNonEmptyString {}), 14u32 =>core ::
            result :: Result :: Ok(Self ::StringIfProvided {}), 15u32 =>core
            :: result :: Result :: Ok(Self ::BooleanIfProvided {}), 16u32
            =>core :: result :: Result :: Ok(Self ::RequiredBoolean {}), 17u32
            =>core :: result :: Result :: Ok(Self ::ObjectIfProvided {}),
            18u32 =>core :: result :: Result :: Ok(Self ::RequiredObject {}),
            19u32 =>core :: result :: Result ::
            Ok(Self ::OneOf
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 20u32 =>core :: result :: Result ::
            Ok(Self ::ControlCharacters {}), 21u32 =>core :: result :: Result
            :: Ok(Self ::DangerousPath {}), 22u32 =>core :: result :: Result
            :: Ok(Self ::SessionIdCharacters {}), 23u32 =>core :: result ::
            Result :: Ok(Self ::RequestIdCharacters {}), 24u32 =>core ::
            result :: Result :: Ok(Self ::Timestamp {}), 25u32 =>core ::
            result :: Result :: Ok(Self ::TimestampOrder {}), 26u32 =>core ::
            result :: Result :: Ok(Self ::IntegerIfProvided {}), 27u32 =>core
            :: result :: Result ::
            Ok(Self ::Between
            {
                min : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, max : :: bincode :: BorrowDecode ::<
                __D :: Context >:: borrow_decode(decoder) ?,
            }), 28u32 =>core :: result :: Result :: Ok(Self ::Images {}),
            29u32 =>core :: result :: Result :: Ok(Self ::AnswerMismatch {}),
            variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Rule", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 29 }
            })
        }
    }
}