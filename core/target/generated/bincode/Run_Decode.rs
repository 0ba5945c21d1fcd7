impl < __Context > :: bincode :: Decode < __Context > for Run
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::Idle {}), 1u32 =>core
            :: result :: Result ::
            Ok(Self ::Prompted
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Accepted
            {
                command : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, by : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, slash : :: bincode :: Decode
                ::< __D :: Context >:: decode(decoder) ?,
            }), 3u32 =>core :: result :: Result :: Ok(Self ::Going {}), 4u32
            =>core :: result :: Result :: Ok(Self ::Retrying {}), 5u32 =>core
            :: result :: Result ::
            Ok(Self ::Ended
            {
                by : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Run", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 5 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Run
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::Idle {}), 1u32 =>core
            :: result :: Result ::
            Ok(Self ::Prompted
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Accepted
            {
                command : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, by : :: bincode :: BorrowDecode ::<
                __D :: Context >:: borrow_decode(decoder) ?, slash : ::
                bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 3u32 =>core :: result :: Result :: Ok(Self ::Going {}), 4u32
            =>core :: result :: Result :: Ok(Self ::Retrying {}), 5u32 =>core
            :: result :: Result ::
            Ok(Self ::Ended
            {
                by : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Run", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 5 }
            })
        }
    }
}