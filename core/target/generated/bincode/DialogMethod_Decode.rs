impl < __Context > :: bincode :: Decode < __Context > for DialogMethod
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::Select {}), 1u32
            =>core :: result :: Result :: Ok(Self ::Confirm {}), 2u32 =>core
            :: result :: Result :: Ok(Self ::Input {}), 3u32 =>core :: result
            :: Result :: Ok(Self ::Editor {}), 4u32 =>core :: result :: Result
            :: Ok(Self ::Interview {}), 5u32 =>core :: result :: Result ::
            Ok(Self ::Cancelled {}), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "DialogMethod", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 5 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for DialogMethod
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::Select {}), 1u32
            =>core :: result :: Result :: Ok(Self ::Confirm {}), 2u32 =>core
            :: result :: Result :: Ok(Self ::Input {}), 3u32 =>core :: result
            :: Result :: Ok(Self ::Editor {}), 4u32 =>core :: result :: Result
            :: Ok(Self ::Interview {}), 5u32 =>core :: result :: Result ::
            Ok(Self ::Cancelled {}), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "DialogMethod", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 5 }
            })
        }
    }
}